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

variable "tenant_id" {
  description = "The Entra tenant."
  type        = string
}

variable "metrics_token_version" {
  description = "Raise it by one for a new METRICS_TOKEN."
  type        = number
}
