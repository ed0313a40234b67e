"""Everything outside of the process: one module for each thing that is asked."""
