"""Conversion of what other tools wrote (conda, pip, poetry, shells, editors) into package lines."""
