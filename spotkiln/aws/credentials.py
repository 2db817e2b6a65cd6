"""Prints credentials of a role in the form that AWS's SDKs expect of a `credential_process`.

python -m spotkiln.aws.credentials ROLE REGION [EXTERNAL_ID]
"""

import json
import os
import sys

from spotkiln.aws.role import Role, fetcher, source


def main(arn: str, region: str, external_id: str = "") -> None:
    before = source(os.environ)
    os.environ.clear()
    os.environ.update(before)
    found = fetcher(Role(arn=arn, external_id=external_id), region).fetch_credentials()
    told = {
        "Version": 1,
        "AccessKeyId": found["access_key"],
        "SecretAccessKey": found["secret_key"],
        "SessionToken": found["token"],
        "Expiration": found["expiry_time"],
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
