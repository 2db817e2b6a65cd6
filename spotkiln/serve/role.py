"""Role: what a machine is told that it is for, in its user data.

Without it an application's units do not start (systemd/role.sh): so a machine that nobody launched
to serve, or that tests a candidate, never has production's environment.
"""

import base64

# A line of this form decides; it is a comment to cloud-init. The tester's is in
# packer/test.pkr.hcl.
SERVER = "#cloud-config\n# spotkiln-role: server\n"


def server_user_data() -> str:
    """As a launch template takes it."""
    return base64.b64encode(SERVER.encode()).decode()
