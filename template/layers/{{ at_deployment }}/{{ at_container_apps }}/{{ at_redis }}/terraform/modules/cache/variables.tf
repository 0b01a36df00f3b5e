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

variable "network_id" {
  description = "The virtual network that may resolve the cache's name."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "vault_id" {
  description = "Key Vault for the address with the key."
  type        = string
}

variable "sku" {
  description = "Size of the cache."
  type        = string
}

variable "high_availability" {
  description = "Whether a second node takes over."
  type        = bool
}
