"""The AWS API: moto's server, with our operations in place of its own."""
