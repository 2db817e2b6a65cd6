"""What an application's own files tell about how it is built, tested and started."""
