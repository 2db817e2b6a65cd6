"""What people read: pages, pictures, events."""
