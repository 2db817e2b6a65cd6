"""The record of AWS calls, and what goes wrong with them on demand."""
