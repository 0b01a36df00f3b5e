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
  description = "The virtual network that may resolve the server's name."
  type        = string
}

variable "subnet_id" {
  description = "Subnet that is delegated to PostgreSQL."
  type        = string
}

variable "vault_id" {
  description = "Key Vault for the address with the password."
  type        = string
}

variable "sku" {
  description = "Size of the server."
  type        = string
}

variable "storage_mb" {
  description = "Disk of the server; it grows by itself."
  type        = number
}

variable "zone_redundant" {
  description = "Whether a standby runs in another zone."
  type        = bool
}

variable "backup_retention_days" {
  description = "How far back in time the database can be restored, 7 to 35."
  type        = number
}

variable "geo_redundant_backup" {
  description = "Whether backups are kept in the paired region too. It can only be chosen when the server is made."
  type        = bool
}

variable "password_version" {
  description = "Raise it by one for a new password."
  type        = number
}
