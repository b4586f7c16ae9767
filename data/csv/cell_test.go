package csv

import "testing"

func TestClassify(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]content{
		"": absent, "?": absent, "NA": absent,
		"0": number, "-1.5e3": number, "+.5": number, "1e-60": number, "3.4e38": number, "007": number,
		"na": word, "-": word, "e": word, "1-2": word, "0x1p4": word, "1_000": word, "1,5": word, "infant": word, "Nancy": word, "1 2": word,
	} {
		if _, kind, err := classify(text); kind != want || err != nil {
			t.Errorf("%q is of kind %d (%v), want %d", text, kind, err, want)
		}
	}
	for _, text := range []string{"nan", "NaN", "-nan", "inf", "+Inf", "-INFINITY", "1e39", "-1e999"} {
		if _, _, err := classify(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
