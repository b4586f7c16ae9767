// Package sets opens data: the sets known by name ([Open]) and files and
// folders by path ([OpenPath]).
//
// A [Set] is a training part and a test part with what a run should say and
// record about them. A set known by name is looked for in a list of folders
// and downloaded where it is in none of them; what was downloaded is checked
// against its published size and SHA-256 before it is used.
package sets
