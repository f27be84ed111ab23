// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

// Repair is one way in which mode fix changes data. The list is closed.
type Repair uint8

// The repairs.
const (
	Renamed    Repair = iota // has the name of the conventions instead of an older one
	Doubled                  // taken out: the same resource has the series a second time
	Relabeled                // has attributes under other keys, so that labels are there and differ
	Scaled                   // has its value in the unit of the conventions
	SetAside                 // has something behind its name, so that it meets no series of another type, or of a name that is spelled alike
	Retyped                  // has an attribute of another type or spelling
	Cumulative               // has the temporality that it did not say
	Split                    // is the end of a series, and moved into a metric of its own
	Shifted                  // has a later timestamp, because the engine's clock was set back

	noRepair // one more than the last
)

// RepairCount is the number of repairs.
const RepairCount = int(noRepair)

// Repairs returns all repairs in their order.
func Repairs() [RepairCount]Repair {
	var all [RepairCount]Repair
	for i := range all {
		all[i] = Repair(i)
	}
	return all
}

// String returns the stable name of the repair, such as "set_aside".
func (r Repair) String() string {
	switch r {
	case Renamed:
		return "renamed"
	case Doubled:
		return "doubled"
	case Relabeled:
		return "relabeled"
	case Scaled:
		return "scaled"
	case SetAside:
		return "set_aside"
	case Retyped:
		return "retyped"
	case Cumulative:
		return "cumulative"
	case Split:
		return "split"
	case Shifted:
		return "shifted"
	default:
		return "none"
	}
}
