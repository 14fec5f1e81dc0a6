"""The check whether requirements can be installed, before anything is sent."""
