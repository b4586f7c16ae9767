package svg

import "strings"

// TextWidth estimates the width in pixels of text at a font size, within about
// a tenth for the usual sans-serif fonts. A picture cannot measure the reader's
// font, and only needs to keep texts apart.
func TextWidth(text string, size float64) float64 {
	em := 0.0
	for _, r := range text {
		em += advance(r)
	}
	return em * size
}

// Cut shortens text to at most width pixels, ending it with an ellipsis where
// something was left out. It is empty where not even the ellipsis fits.
func Cut(text string, size, width float64) string {
	if TextWidth(text, size) <= width {
		return text
	}
	room := width - TextWidth("…", size)
	if room < 0 {
		return ""
	}
	for i, r := range text {
		if room -= advance(r) * size; room < 0 {
			return text[:i] + "…"
		}
	}
	return text
}

// advance is the width of a rune in units of the font size.
func advance(r rune) float64 {
	switch {
	case r >= 0x2e80 || r >= 0x1100 && r <= 0x115f:
		return 1
	case strings.ContainsRune("ijltfrI.,:;'|!()[] /-", r):
		return 0.34
	case strings.ContainsRune("mwMW%@…—", r):
		return 0.95
	case r >= 'A' && r <= 'Z':
		return 0.7
	}
	return 0.6
}
