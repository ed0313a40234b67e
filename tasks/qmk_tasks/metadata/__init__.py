"""The keyboard site: what a tree's own ``qmk generate-api`` says of its keyboards."""
