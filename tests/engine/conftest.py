"""Makes the helper modules of this folder (`enumeration`, `toys`) importable from its tests and those below it."""
