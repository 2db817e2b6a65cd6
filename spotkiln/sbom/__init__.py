"""What is in an image as others tell it: its SBOM in CycloneDX's form, and the vulnerabilities that
Debian and OSV know of. The only place that reads what these publish."""
