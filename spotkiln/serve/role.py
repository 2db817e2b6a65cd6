"""Role: a machine's user data say what the machine is for, and where its configuration is.

Without a role an application's units do not start (systemd/role.sh). So a machine that nobody
launched to serve, or one that tests a candidate, never has production's environment.
"""

import base64

from spotkiln.bake.configuration import Configuration

NOTHING = Configuration()
# A line of this form decides; it is a comment to cloud-init. The tester's is in
# packer/test.pkr.hcl.
SERVER = "#cloud-config\n# spotkiln-role: server\n"


def server_user_data(configuration: Configuration = NOTHING) -> str:
    """As a launch template takes it."""
    return base64.b64encode(f"{SERVER}{configuration.user_data}".encode()).decode()
