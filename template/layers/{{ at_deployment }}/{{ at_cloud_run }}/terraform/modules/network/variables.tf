variable "name" {
  description = "Name of the network."
  type        = string
}

variable "region" {
  description = "Region of the subnetwork."
  type        = string
}
