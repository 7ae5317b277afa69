"""`doctor --record`: this laptop as a recorded machine, without what names it or anybody."""
