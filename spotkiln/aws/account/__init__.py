"""The account, by CloudFormation."""
