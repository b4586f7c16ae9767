package keras

import (
	"errors"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
)

// TestMasks holds that models which mask steps are refused, and told how to be saved: no layer
// leaves steps out, and the numbers would be others.
func TestMasks(t *testing.T) {
	t.Parallel()
	const lstm = `{"class_name":"LSTM","config":{"name":"r","units":2}}`
	for name, layers := range map[string]string{
		"embedding": `{"class_name":"Embedding","config":{"name":"e","input_dim":5,"output_dim":3,"mask_zero":true,"batch_input_shape":[null,4]}},` + lstm,
		"masking":   `{"class_name":"Masking","config":{"name":"m","mask_value":0.0,"batch_input_shape":[null,4,3]}},` + lstm,
		"inside":    `{"class_name":"TimeDistributed","config":{"name":"t","batch_input_shape":[null,6,4],"layer":{"class_name":"Embedding","config":{"name":"e","input_dim":5,"output_dim":3,"mask_zero":true}}}}`,
	} {
		_, err := FromConfig("2.4.0", `{"class_name":"Sequential","config":{"name":"s","layers":[`+layers+`]}}`, "", nil, format.Options{})
		if u := (*format.Unsupported)(nil); !errors.As(err, &u) || !strings.Contains(err.Error(), "masks steps") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
