"""Gas of whole transactions against the release build, beside reference and goal."""
