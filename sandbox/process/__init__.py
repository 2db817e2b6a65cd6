"""The sandbox as a process: started, served, ended, cleaned up."""
