"""All of Spotkiln on this machine, against the sandbox: what the demo, `make up`, tests and
`spotkiln rehearse` start and look at. Neither the product nor the sandbox knows it."""
