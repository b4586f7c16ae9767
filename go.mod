module github.com/nadir-ml/nadir

go 1.26.0

require pgregory.net/rapid v1.3.0

require github.com/google/go-cmp v0.7.0

require golang.org/x/term v0.47.0 // indirect

require (
	github.com/goccy/go-yaml v1.19.2
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/sys v0.49.0
)
