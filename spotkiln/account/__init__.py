"""What an AWS account has to have before the first release, as one CloudFormation template."""
