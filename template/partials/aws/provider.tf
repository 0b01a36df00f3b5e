provider "aws" {
  region = var.region

  default_tags {
    tags = {
      service     = var.name
      environment = var.environment
      team        = var.team
      cost-center = var.cost_center
    }
  }
}
