// Package zoo is a catalogue of trained models that others have published.
//
// A [Card] says of one what it is, whose, under which licence, at which address its
// files lie and which size and SHA-256 they have, how its input is to be prepared,
// which classes it tells apart, and what was measured of it. A [Catalogue] is
// cards by name: [Embedded], and further ones that a file adds. [Card.Get] finds a
// model's files in folders of this machine, or downloads them; no path is given out
// before the bytes there have the hash of the card.
package zoo
