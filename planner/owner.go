package planner

import "slices"

// Owner tells whose the answers of a job may be: the batches of the config
// whose sources have the keys that were looked at. A job that is in no map of
// owners was not looked at, or its keys told nothing.
type Owner struct {
	// Fits are the batches that have the keys, sorted. None is nobody's: the job
	// answers something else.
	Fits []Address
	// More tells that Fits was cut off.
	More bool
}

// only gives the one batch that has the keys.
func (o Owner) only() (Address, bool) {
	if len(o.Fits) != 1 || o.More {
		return Address{}, false
	}
	return o.Fits[0], true
}

// nobodys reports whether no batch of the config has any of the keys.
func (o Owner) nobodys() bool { return len(o.Fits) == 0 && !o.More }

// may reports whether the answers may be that batch's.
func (o Owner) may(a Address) bool {
	_, found := slices.BinarySearchFunc(o.Fits, a, Address.Compare)
	return found || o.More
}

// Unexplained lists successful jobs, sorted by name, whose answers would tell
// more than all that is known of them: a batch may be held for them, or a label
// whose input is gone names them.
func Unexplained(d *Desired, o *Observed) []string {
	_, m := survey(d, o)
	names := make([]string, 0, len(m.unexplained))
	for _, j := range m.unexplained {
		if j.State == JobSucceeded {
			names = append(names, j.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
