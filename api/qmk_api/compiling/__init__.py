"""From a keymap to a CompileJob, and to what a poll of it says."""
