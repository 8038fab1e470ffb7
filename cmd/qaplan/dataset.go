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
		list[i] = apply.Dataset{Name: d.Name, From: d.From, Path: d.Path, File: d.PathAbs, Format: apply.DatasetFormat(d.Format), Digest: d.Digest}
		for _, f := range d.Fields {
			list[i].Fields = append(list[i].Fields, apply.DatasetField{Name: f.Name, Source: apply.FieldSource(f.Source), JSONPath: f.JSONPath})
		}
	}
	return list
}
