package backendtest_test

import (
	"testing"

	"github.com/nadir-ml/nadir/backend/backendtest"
	"github.com/nadir-ml/nadir/backend/ref"
)

func TestRef(t *testing.T)        { backendtest.Run(t, ref.Backend{}) }
func TestRefLowered(t *testing.T) { backendtest.Run(t, ref.Backend{Lower: true}) }
