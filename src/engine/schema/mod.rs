//! What the Deployment tree is: list keys, atomic maps, defaults, aliases and quantities, as data.
