package cpu

import (
	"testing"

	"github.com/nadir-ml/nadir/backend/backendtest"
)

func TestConformance(t *testing.T) { backendtest.Run(t, New()) }

func TestNoAllocs(t *testing.T) { backendtest.NoAllocs(t, New()) }
