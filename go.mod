module github.com/nadir-ml/nadir

go 1.26

require pgregory.net/rapid v1.3.0
