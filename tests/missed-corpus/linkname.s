// Go lets a package with an assembly file declare functions without a body.
