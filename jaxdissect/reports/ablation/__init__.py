"""What an ablation leaves: results of one layer, of scaling, of several trainings."""
