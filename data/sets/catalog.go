package sets

import (
	"os"
	"path/filepath"
)

// A published set: its files and where they are downloaded from.
type published struct {
	name, about string
	classes     []string
	archive     bool     // one archive of parts instead of a file a part
	mirrors     []string // addresses of folders that hold the files, tried in turn
	files       []file
}

// A file as it was published, and the SHA-256 of its contents decompressed.
type file struct {
	name     string
	size     int64
	sha256   string
	contents string
}

var digitNames = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

var catalog = []*published{
	{
		name:    "mnist",
		about:   "handwritten digits, 28×28 gray, 60,000 + 10,000, 10 classes",
		classes: digitNames,
		mirrors: []string{
			"https://ossci-datasets.s3.amazonaws.com/mnist/",
			"https://storage.googleapis.com/cvdf-datasets/mnist/",
		},
		files: []file{
			{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
			{"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
			{"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
			{"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
		},
	},
	{
		name:    "fashion-mnist",
		about:   "articles of clothing, 28×28 gray, 60,000 + 10,000, 10 classes",
		classes: []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
		mirrors: []string{
			"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
			"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
		},
		files: []file{
			{"train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
			{"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
			{"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
			{"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
		},
	},
	{
		name:    "cifar10",
		about:   "photographs of animals and vehicles, 32×32 color, 50,000 + 10,000, 10 classes",
		classes: []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
		archive: true,
		mirrors: []string{"https://www.cs.toronto.edu/~kriz/"},
		files: []file{
			{name: "cifar-10-binary.tar.gz", size: 170052171, sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
		},
	},
}

func lookup(name string) *published {
	for _, p := range catalog {
		if p.name == name {
			return p
		}
	}
	return nil
}

// A Known set is one that Open opens by name.
type Known struct {
	Name, About string
	Classes     []string
	Bytes       int64  // the size of a download
	Dir         string // the folder it was found in, or empty
}

// List is the sets known by name. dirs are looked through as Open does;
// nil: DefaultDirs.
func List(dirs []string) []Known {
	if dirs == nil {
		dirs = DefaultDirs()
	}
	var ks []Known
	for _, p := range catalog {
		k := Known{Name: p.name, About: p.about, Classes: p.classes}
		for _, f := range p.files {
			k.Bytes += f.size
		}
		if p.archive {
			if parts := findCIFAR(p, dirs); parts != nil {
				k.Dir = filepath.Dir(parts.paths[0])
			}
		} else if c := candidates(p, p.files[0].name, dirs); len(c) > 0 {
			k.Dir = filepath.Dir(c[0].path)
		}
		ks = append(ks, k)
	}
	return ks
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
