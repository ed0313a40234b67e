"""Files of a build, and the source with its keymap."""
