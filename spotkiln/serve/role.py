"""Role: a machine's user data say what the machine is for, where its configuration is, and where
its logs go.

Without a role an application's units do not start (systemd/role.sh). So a machine that nobody
launched to serve, or one that tests a candidate, never has production's environment.
"""

import base64
from collections.abc import Iterable

from spotkiln.bake.configuration import Configuration
from spotkiln.bake.logs import Logs
from spotkiln.bake.mounts import Mount, user_data_of

NOTHING, NOWHERE = Configuration(), Logs()
# A line of this form decides; it is a comment to cloud-init. The tester's is in
# packer/test.pkr.hcl.
SERVER = "#cloud-config\n# spotkiln-role: server\n"


def server_user_data(
    configuration: Configuration = NOTHING, mounts: Iterable[Mount] = (), logs: Logs = NOWHERE
) -> str:
    """As a launch template takes it."""
    text = f"{SERVER}{configuration.user_data}{user_data_of(mounts)}{logs.user_data}"
    return base64.b64encode(text.encode()).decode()
