package bench

import "testing"

// BenchmarkCompile makes the plan of a training step: tracing, gradients, updates
// and the backend's compilation.
func BenchmarkCompile(b *testing.B) {
	for _, n := range Nets() {
		b.Run(n.Name, func(b *testing.B) {
			for batch := 1; b.Loop(); batch++ {
				b.StopTimer()
				tr, err := n.Trainer("sgd", 1)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := tr.Prepare(128); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := tr.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
