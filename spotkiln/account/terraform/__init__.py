"""The account's template as a Terraform module: resources of Terraform's own, made from it."""
