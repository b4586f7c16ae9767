module github.com/nadir-ml/nadir

go 1.26
