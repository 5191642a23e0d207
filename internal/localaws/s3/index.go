package s3

import "slices"

// index is a sorted set of keys in blocks, so that an insertion moves at most
// a block's worth of keys. Go compares strings by their bytes, which is S3's
// order. The zero value is empty.
type index struct {
	blocks [][]string // none is empty
}

const blockSize = 512

// locate returns the block that key is or would be in, and its place there.
func (x *index) locate(key string) (block, at int, found bool) {
	block, found = slices.BinarySearchFunc(x.blocks, key, func(b []string, key string) int {
		switch {
		case b[0] > key:
			return 1
		case b[len(b)-1] < key:
			return -1
		}
		return 0
	})
	if found {
		at, found = slices.BinarySearch(x.blocks[block], key)
	}
	return block, at, found
}

func (x *index) insert(key string) {
	block, at, found := x.locate(key)
	if found {
		return
	}
	if block == len(x.blocks) { // beyond the last key: append to the last block
		if block == 0 {
			x.blocks = append(x.blocks, []string{key})
			return
		}
		block--
		at = len(x.blocks[block])
	}
	b := slices.Insert(x.blocks[block], at, key)
	x.blocks[block] = b
	if len(b) > blockSize {
		// Keys often come in order: a full last block stays full.
		half := len(b) / 2
		if at == len(b)-1 {
			half = at
		}
		x.blocks = slices.Insert(x.blocks, block+1, slices.Clone(b[half:]))
		clear(b[half:])
		x.blocks[block] = b[:half:half]
	}
}

func (x *index) remove(key string) {
	block, at, found := x.locate(key)
	if !found {
		return
	}
	x.blocks[block] = slices.Delete(x.blocks[block], at, at+1)
	if len(x.blocks[block]) == 0 {
		x.blocks = slices.Delete(x.blocks, block, block+1)
	}
}

// next returns the first key that is not below from.
func (x *index) next(from string) (string, bool) {
	block, at, _ := x.locate(from)
	if block == len(x.blocks) {
		return "", false
	}
	return x.blocks[block][at], true
}
