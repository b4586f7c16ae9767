package sched

import (
	"testing"

	"github.com/nadir-ml/nadir/internal/golden"
)

// references is the table of schedules: how the reference values' ops are
// written here.
var references = map[string]func(c *golden.Case) Schedule{
	"constant": func(*golden.Case) Schedule { return Constant{} },
	"exponential": func(c *golden.Case) Schedule {
		return Exponential{Rate: c.Number(0, "gamma"), Length: 1}
	},
	"step": func(c *golden.Case) Schedule {
		return Exponential{Rate: c.Number(0, "gamma"), Length: c.Number(0, "step_size"), Staircase: true}
	},
	"exponential_tenth":           func(c *golden.Case) Schedule { return Exponential{Length: c.Number(0, "s")} },
	"exponential_tenth_staircase": func(c *golden.Case) Schedule { return Exponential{Length: c.Number(0, "s"), Staircase: true} },
	"keras_exponential": func(c *golden.Case) Schedule {
		return Exponential{Rate: c.Number(0, "decay_rate"), Length: c.Number(0, "decay_steps"), Staircase: c.Number(0, "staircase") == 1}
	},
	"power":   power,
	"power_c": power,
	"keras_inverse_time": func(c *golden.Case) Schedule {
		return Power{Rate: c.Number(0, "decay_rate"), Length: c.Number(0, "decay_steps"), Staircase: c.Number(0, "staircase") == 1}
	},
	"piecewise": func(c *golden.Case) Schedule {
		return Piecewise{Boundaries: numbers(c, "boundaries"), Values: numbers(c, "values")}
	},
	"multistep": func(c *golden.Case) Schedule {
		return MultiStep{Milestones: numbers(c, "milestones"), Gamma: c.Number(0, "gamma")}
	},
	"polynomial": func(c *golden.Case) Schedule {
		return Polynomial{Length: c.Number(0, "total"), Power: c.Number(0, "power")}
	},
	"keras_polynomial": func(c *golden.Case) Schedule {
		return Polynomial{Length: c.Number(0, "decay_steps"), End: c.Number(0, "end_learning_rate"), Power: c.Number(0, "power"), Cycle: c.Number(0, "cycle") == 1}
	},
	"cosine":             cosine,
	"cosine_closed_form": cosine,
	"keras_cosine": func(c *golden.Case) Schedule {
		down := Cosine{Length: c.Number(0, "decay_steps"), Alpha: c.Number(0, "alpha")}
		if n := c.Number(0, "warmup_steps"); n > 0 {
			return Warmup{Length: n, Start: c.Number(0, "lr") / c.Number(0, "warmup_target"), Then: down}
		}
		return down
	},
	"cosine_warm_restarts":        restarts,
	"cosine_warm_restarts_tmult1": restarts,
	"keras_cosine_restarts": func(c *golden.Case) Schedule {
		return CosineRestarts{First: c.Number(0, "first_decay_steps"), Stretch: c.Number(0, "t_mul"), Shrink: c.Number(0, "m_mul"), Alpha: c.Number(0, "alpha")}
	},
	"linear_warmup": func(c *golden.Case) Schedule {
		return Warmup{Length: c.Number(0, "total"), Start: c.Number(0, "start_factor")}
	},
	"warmup_then_exponential": func(c *golden.Case) Schedule {
		return Warmup{Length: c.Number(0, "total"), Start: c.Number(0, "start_factor"), Then: Exponential{Rate: c.Number(0, "gamma"), Length: 1}}
	},
	"cyclic_triangular": func(c *golden.Case) Schedule {
		return Cyclic{Base: c.Number(0, "base_lr"), Max: c.Number(0, "max_lr"), Up: c.Number(0, "up")}
	},
	"onecycle": func(c *golden.Case) Schedule {
		return OneCycle{Max: c.Number(0, "max_lr"), Rise: c.Number(0, "pct_start"), Div: c.Number(0, "div_factor"),
			FinalDiv: c.Number(0, "final_div_factor"), BaseMomentum: c.Number(0, "base_momentum"), MaxMomentum: c.Number(0, "max_momentum"),
			Linear: c.Text("anneal_strategy") == "linear", ThreePhase: c.Number(0, "three_phase") == 1}
	},
	"reduce_on_plateau_torch": plateau,
	"reduce_on_plateau_keras": plateau,
}

func numbers(c *golden.Case, name string) []float64 {
	var out []float64
	for _, v := range c.Hyper[name].([]any) {
		out = append(out, v.(float64))
	}
	return out
}

func power(c *golden.Case) Schedule {
	return Power{Length: c.Number(0, "s"), Exponent: c.Number(0, "c")}
}

func cosine(c *golden.Case) Schedule {
	return Cosine{Length: c.Number(0, "t_max"), Alpha: c.Number(0, "eta_min") / c.Number(0, "lr")}
}

func restarts(c *golden.Case) Schedule {
	return CosineRestarts{First: c.Number(0, "t_0"), Stretch: c.Number(0, "t_mult"), Alpha: c.Number(0, "eta_min") / c.Number(0, "lr")}
}

func plateau(c *golden.Case) Schedule {
	return Plateau{Max: c.Text("mode") == "max", Factor: c.Number(0, "factor"), Patience: int(c.Number(0, "patience")),
		MinDelta: c.Number(0, "threshold", "min_delta"), Absolute: c.Text("threshold_mode") == "abs",
		Cooldown: int(c.Number(0, "cooldown")), Min: c.Number(0, "min_lr"), Torch: c.Op == "reduce_on_plateau_torch"}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "schedules").Cases
	held := 0
	for _, c := range cases {
		if t.Run(c.Name, func(t *testing.T) { compare(t, c) }) {
			held++
		}
	}
	t.Logf("%d of %d cases held, each in float64 and rounded to float32", held, len(cases))
}

func compare(t *testing.T, c *golden.Case) {
	make := references[c.Op]
	if make == nil {
		t.Fatalf("no schedule stands for %s", c.Op)
	}
	s := make(c)
	if v, ok := s.(interface{ Validate() error }); ok && v.Validate() != nil {
		t.Fatal(v.Validate())
	}
	p := Point{StepsPerEpoch: 1, Epochs: int(c.Number(0, "steps")), LR: c.Number(0, "warmup_target", "lr")}
	got := map[string][]float64{}
	for ; p.Step < p.Epochs; p.Step++ {
		got["lr"] = append(got["lr"], s.At(p))
		if a, ok := s.(Adaptive); ok {
			p.State = a.Observe(p, c.Input(t, "metric").Data[p.Step])
		}
		if o, ok := s.(OneCycle); ok {
			got["momentum"] = append(got["momentum"], o.Momentum(p))
		}
	}
	for _, precision := range []int{64, 32} {
		for _, name := range c.Expected.Names {
			v := got[name]
			if precision == 32 {
				v = nil
				for _, x := range got[name] {
					v = append(v, float64(float32(x)))
				}
			}
			c.Check(t, precision, v, name)
		}
	}
}

func TestEveryScheduleIsReferenced(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"triangular2": true} // a preset of cyclic
	for _, c := range golden.Load(t, "schedules").Cases {
		if make := references[c.Op]; make != nil {
			used[Registry.NameOf(make(c))] = true
		}
	}
	for _, name := range Registry.Names() {
		if !used[name] {
			t.Errorf("%s has no reference values", name)
		}
	}
}
