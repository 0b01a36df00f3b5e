variable "name" {
  description = "Name of the service in this environment."
  type        = string
}

variable "environment" {
  description = "Value of ENVIRONMENT."
  type        = string
}

variable "region" {
  description = "Region of the tasks."
  type        = string
}

variable "account_id" {
  description = "Account of the tasks."
  type        = string
}

variable "registry_arn" {
  description = "Repository of the images."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group that reaches the database."
  type        = string
}

variable "database_url" {
  description = "Address of the database, without its password."
  type        = string
}

variable "password_arn" {
  description = "Secret with the password, as its field password."
  type        = string
}
