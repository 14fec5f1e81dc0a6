"""The arguments and actions of the commands, independent of IPython."""
