#!/bin/sh
# Other scripts source this file. It asks the instance metadata service, version 2.
imds=http://169.254.169.254/latest

imds_token() {
    curl --silent --fail --max-time 5 --retry 6 --retry-connrefused --retry-max-time 60 \
        --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/api/token"
}

# imds_get PATH: prints the value at the path, or nothing if there is none. Needs $token.
imds_get() {
    curl --silent --fail --max-time 5 --retry 3 --header "X-aws-ec2-metadata-token: ${token:?}" \
        "$imds/$1" || true
}
