variable "name" {
  description = "Name of what this module makes, or what its names start with."
  type        = string
}

variable "resource_group" {
  description = "Resource group of the environment."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}
