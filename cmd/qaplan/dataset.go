package main

import (
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner/apply"
)

// engineDatasets are the datasets as the engine writes them.
func engineDatasets(cfg *config.Config) []apply.Dataset {
	list := make([]apply.Dataset, len(cfg.Datasets))
	for i := range cfg.Datasets {
		d := &cfg.Datasets[i]
		dir, file := d.Place()
		list[i] = apply.Dataset{Name: d.Name, From: d.From, Path: d.Path, Dir: dir, File: file, Format: d.Format, Fields: d.Fields, Digest: d.Digest}
	}
	return list
}
