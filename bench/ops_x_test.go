package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestOpsX(t *testing.T) {
	n, err := Find(os.Getenv("NET"))
	if err != nil {
		t.Skip(err)
	}
	batch, threads := 32, 1
	fmt.Sscan(os.Getenv("BATCH"), &batch)
	fmt.Sscan(os.Getenv("THREADS"), &threads)
	costs, err := n.Ops(context.Background(), batch, os.Getenv("OPTIM"), threads, 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	total, mm, need := 0.0, 0.0, 0.0
	for _, c := range costs {
		total += c.Best.Seconds()
		gf := ""
		if c.Flops > 0 {
			gf = fmt.Sprintf("%.0f GF/s", c.Flops/c.Best.Seconds()/1e9)
			mm += c.Best.Seconds()
			need += c.Flops
		}
		if os.Getenv("ALL") != "" {
			fmt.Printf("%9.1f µs %10s  %s  %s\n", c.Best.Seconds()*1e6, gf, c.Op, c.Path)
		}
	}
	fmt.Printf("%s %d %s %d: %9.1f µs total, %.1f products (%.2f MF/sample) in %d instrs; floor %.1f at 177 GF/s: %.0f %%\n", n.Name, batch, os.Getenv("OPTIM"), threads, total*1e6, mm*1e6, need/float64(batch)/1e6, len(costs), n.Flops*float64(batch)/177e9*1e6, n.Flops*float64(batch)/177e9/total*100)
}
