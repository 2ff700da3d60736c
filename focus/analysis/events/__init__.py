"""From frames with a state to runs, and from runs to events. One detector a file, registered."""
