// Only says where the module begins. What is built is pinned in the file of each version (1.37.mod, …), which
// `go build -modfile` reads in the place of this one.
module curfew.dev/tests/controlplane/kubernetes

go 1.26.0
