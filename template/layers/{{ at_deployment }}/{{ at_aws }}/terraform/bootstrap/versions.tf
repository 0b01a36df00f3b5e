# Applied once by a person, with the state kept by that person: everything else keeps its state in the bucket made here.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      service     = var.name
      environment = "shared"
      team        = var.team
      cost-center = var.cost_center
    }
  }
}
